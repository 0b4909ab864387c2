; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef zeroext i1 @arm(ptr noalias noundef align 8 captures(none) dereferenceable(536) initializes((24, 28)) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i32 0, ptr %v2, align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v4 = load i64, ptr %v3, align 8
  tail call void @store_published(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v4)
  fence seq_cst
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 328
  %v6 = load ptr, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 356
  %v8 = load i8, ptr %v7, align 4
  %v9 = trunc nuw i8 %v8 to i1
  br i1 %v9, label %b1, label %b2
b1:
  %v10 = load atomic i64, ptr %v6 monotonic, align 8
  br label %b3
b2:
  %v11 = load atomic i32, ptr %v6 monotonic, align 4
  %v12 = zext i32 %v11 to i64
  br label %b3
b3:
  %v13 = phi i64 [ %v10, %b1 ], [ %v12, %b2 ]
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 496
  %v15 = load i64, ptr %v14, align 8
  %v16 = icmp eq i64 %v13, %v15
  br i1 %v16, label %b6, label %b4
b4:
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 424
  %v18 = load i64, ptr %v17, align 8
  %v19 = icmp eq i64 %v18, 7
  br i1 %v19, label %b5, label %b23
b5:
  %v20 = load i64, ptr %v3, align 8
  %v21 = select i1 %v9, i64 -1, i64 4294967295
  %v22 = and i64 %v20, %v21
  store i64 5, ptr %v17, align 8
  %v23 = getelementptr inbounds nuw i8, ptr %v1, i64 432
  store i64 %v13, ptr %v23, align 8
  %v24 = getelementptr inbounds nuw i8, ptr %v1, i64 440
  store i64 %v15, ptr %v24, align 8
  %v25 = getelementptr inbounds nuw i8, ptr %v1, i64 448
  store i64 %v22, ptr %v25, align 8
  br label %b23
b6:
  %v26 = getelementptr inbounds nuw i8, ptr %v1, i64 424
  %v27 = load i64, ptr %v26, align 8
  %v28 = icmp eq i64 %v27, 7
  br i1 %v28, label %b7, label %b23
b7:
  %v29 = load i64, ptr %v3, align 8
  %v30 = sub i64 %v29, %v13
  %v31 = select i1 %v9, i64 -1, i64 4294967295
  %v32 = and i64 %v30, %v31
  %v33 = getelementptr inbounds nuw i8, ptr %v1, i64 368
  %v34 = load i64, ptr %v33, align 8
  %v35 = icmp eq i64 %v34, 0
  br i1 %v35, label %b9, label %b8
b8:
  %v36 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v37 = load i32, ptr %v36, align 8
  %v38 = zext i32 %v37 to i64
  %v39 = add nsw i64 %v38, -8
  br label %b19
b9:
  %v40 = getelementptr inbounds nuw i8, ptr %v1, i64 336
  %v41 = load ptr, ptr %v40, align 8
  br i1 %v9, label %b10, label %b11
b10:
  %v42 = load atomic i64, ptr %v41 monotonic, align 8
  br label %b12
b11:
  %v43 = load atomic i32, ptr %v41 monotonic, align 4
  %v44 = zext i32 %v43 to i64
  br label %b12
b12:
  %v45 = phi i64 [ -1, %b10 ], [ 4294967295, %b11 ]
  %v46 = phi i64 [ %v42, %b10 ], [ %v44, %b11 ]
  fence acquire
  %v47 = sub i64 %v46, %v29
  %v48 = and i64 %v47, %v45
  %v49 = and i64 %v46, 7
  %v50 = icmp eq i64 %v49, 0
  br i1 %v50, label %b13, label %b22
b13:
  %v51 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v52 = load i32, ptr %v51, align 8
  %v53 = zext i32 %v52 to i64
  %v54 = add nsw i64 %v53, -8
  %v55 = tail call i64 @llvm.usub.sat.i64(i64 %v54, i64 %v32)
  %v56 = icmp ugt i64 %v48, %v55
  br i1 %v56, label %b14, label %b18
b14:
  %v57 = sub i64 %v29, %v32
  %v58 = and i64 %v45, %v57
  %v59 = load ptr, ptr %v5, align 8
  br i1 %v9, label %b15, label %b16
b15:
  %v60 = load atomic i64, ptr %v59 monotonic, align 8
  br label %b17
b16:
  %v61 = load atomic i32, ptr %v59 monotonic, align 4
  %v62 = zext i32 %v61 to i64
  br label %b17
b17:
  %v63 = phi i64 [ %v60, %b15 ], [ %v62, %b16 ]
  %v64 = icmp eq i64 %v63, %v58
  %v65 = select i1 %v64, i64 %v46, i64 %v63
  br label %b22
b18:
  store i64 %v48, ptr %v33, align 8
  %v66 = icmp eq i64 %v48, 0
  br i1 %v66, label %b22, label %b19
b19:
  %v67 = phi i64 [ %v39, %b8 ], [ %v54, %b18 ]
  %v68 = getelementptr inbounds nuw i8, ptr %v1, i64 344
  %v69 = load ptr, ptr %v68, align 8
  %v70 = and i64 %v67, %v29
  %v71 = getelementptr inbounds nuw i8, ptr %v69, i64 %v70
  %v72 = load atomic i32, ptr %v71 monotonic, align 4
  fence acquire
  %v73 = icmp sgt i32 %v72, -1
  br i1 %v73, label %b20, label %b22
b20:
  %v74 = and i32 %v72, 1073741823
  %v75 = add nuw nsw i32 %v74, 15
  %v76 = and i32 %v75, 2147483640
  %v77 = zext nneg i32 %v76 to i64
  %v78 = load i64, ptr %v33, align 8
  %v79 = icmp ult i64 %v78, %v77
  br i1 %v79, label %b22, label %b21
b21:
  %v80 = zext nneg i32 %v72 to i64
  %v81 = shl nuw nsw i64 %v80, 32
  %v82 = or disjoint i64 %v81, 2
  br label %b22
b22:
  %v83 = phi i64 [ 0, %b18 ], [ %v65, %b17 ], [ %v46, %b12 ], [ %v82, %b21 ], [ 1, %b19 ], [ %v77, %b20 ]
  %v84 = phi i1 [ false, %b18 ], [ true, %b17 ], [ true, %b12 ], [ false, %b21 ], [ false, %b19 ], [ true, %b20 ]
  %v85 = and i64 %v83, 4294967295
  %v86 = icmp eq i64 %v85, 2
  %v87 = select i1 %v84, i1 true, i1 %v86
  br label %b23
b23:
  %v88 = phi i1 [ true, %b6 ], [ %v87, %b22 ], [ true, %b4 ], [ true, %b5 ]
  ret i1 %v88
}
