; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @drain_rust(ptr noalias noundef align 8 captures(none) dereferenceable(152) initializes((32, 64)) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 88
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i64 %v4, ptr %v5, align 8
  %v6 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  store i64 0, ptr %v6, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 48
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 80
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v7, i8 -1, i64 16, i1 false)
  %v9 = load i64, ptr %v8, align 8
  %v10 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  %v11 = load i32, ptr %v10, align 8
  %v12 = zext i32 %v11 to i64
  %v13 = add nsw i64 %v12, -8
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 136
  %v15 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v16 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v17 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v18 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  br label %b1
b1:
  %v19 = phi i64 [ %v20, %b15 ], [ 0, %b0 ]
  %v21 = phi i64 [ %v22, %b15 ], [ 0, %b0 ]
  %v23 = phi i64 [ %v24, %b15 ], [ %v9, %b0 ]
  %v25 = icmp eq i64 %v21, 0
  br i1 %v25, label %b7, label %b2
b2:
  %v26 = phi i64 [ %v27, %b5 ], [ %v23, %b1 ]
  %v28 = phi i64 [ %v29, %b5 ], [ %v21, %b1 ]
  %v30 = and i64 %v26, %v13
  %v31 = load ptr, ptr %v14, align 8
  %v32 = getelementptr inbounds nuw i8, ptr %v31, i64 %v30
  %v33 = load atomic i32, ptr %v32 monotonic, align 4
  fence acquire
  %v34 = zext i32 %v33 to i64
  %v35 = add nuw nsw i64 %v34, 15
  %v36 = and i64 %v35, 8589934584
  %v37 = icmp ugt i64 %v36, %v28
  br i1 %v37, label %b3, label %b6
b3:
  %v38 = icmp sgt i32 %v33, -1
  br i1 %v38, label %b4, label %b7
b4:
  %v39 = and i32 %v33, 1073741823
  %v40 = add nuw nsw i32 %v39, 15
  %v41 = and i32 %v40, 2147483640
  %v42 = zext nneg i32 %v41 to i64
  %v43 = icmp samesign ult i64 %v28, %v42
  br i1 %v43, label %b7, label %b5
b5:
  %v44 = load i64, ptr %v6, align 8
  %v45 = add i64 %v44, 1
  store i64 %v45, ptr %v6, align 8
  %v27 = add i64 %v26, %v42
  %v29 = sub nuw nsw i64 %v28, %v42
  %v46 = icmp eq i64 %v29, 0
  br i1 %v46, label %b7, label %b2
b6:
  %v47 = add i64 %v36, %v26
  %v48 = sub nuw i64 %v28, %v36
  %v49 = load ptr, ptr %v14, align 8
  %v50 = getelementptr i8, ptr %v49, i64 %v30
  br label %b15
b7:
  %v51 = phi i64 [ 0, %b1 ], [ 0, %b5 ], [ %v28, %b4 ], [ %v28, %b3 ]
  %v52 = phi i64 [ %v23, %b1 ], [ %v27, %b5 ], [ %v26, %b4 ], [ %v26, %b3 ]
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v52, i64 noundef %v51, i64 noundef %v19)
  %v53 = load i64, ptr %v2, align 8
  %v54 = load i64, ptr %v15, align 8
  %v55 = load i64, ptr %v16, align 8
  %v56 = load i64, ptr %v17, align 8
  %v57 = load i32, ptr %v18, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v58 = icmp eq i64 %v56, 4
  br i1 %v58, label %b8, label %b9
b8:
  %v59 = and i64 %v55, %v13
  %v60 = load ptr, ptr %v14, align 8
  %v61 = getelementptr i8, ptr %v60, i64 %v59
  %v62 = zext i32 %v57 to i64
  br label %b15
b9:
  store i64 %v53, ptr %v8, align 8
  %v63 = load i64, ptr %v5, align 8
  %v64 = add i64 %v63, %v54
  store i64 %v64, ptr %v3, align 8
  %v65 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  %v66 = load i64, ptr %v65, align 8
  %v67 = add i64 %v66, %v19
  store i64 %v67, ptr %v65, align 8
  %v68 = load i64, ptr %v6, align 8
  %v69 = getelementptr inbounds nuw i8, ptr %v1, i64 72
  %v70 = load i64, ptr %v69, align 8
  %v71 = add i64 %v70, %v68
  store i64 %v71, ptr %v69, align 8
  %v72 = getelementptr inbounds nuw i8, ptr %v1, i64 96
  %v73 = load i64, ptr %v72, align 8
  %v74 = getelementptr inbounds nuw i8, ptr %v1, i64 148
  %v75 = load i8, ptr %v74, align 4
  %v76 = trunc nuw i8 %v75 to i1
  %v77 = sub i64 %v53, %v73
  %v78 = select i1 %v76, i64 -1, i64 4294967295
  %v79 = and i64 %v78, %v77
  %v80 = getelementptr inbounds nuw i8, ptr %v1, i64 104
  %v81 = load i64, ptr %v80, align 8
  %v82 = icmp ult i64 %v79, %v81
  br i1 %v82, label %b16, label %b10
b10:
  %v83 = and i64 %v78, %v53
  %v84 = icmp eq i64 %v73, %v83
  br i1 %v84, label %b16, label %b11
b11:
  %v85 = getelementptr inbounds nuw i8, ptr %v1, i64 120
  %v86 = load ptr, ptr %v85, align 8
  br i1 %v76, label %b12, label %b13
b12:
  store atomic i64 %v83, ptr %v86 release, align 8
  br label %b14
b13:
  %v87 = trunc i64 %v53 to i32
  store atomic i32 %v87, ptr %v86 release, align 4
  br label %b14
b14:
  store i64 %v83, ptr %v72, align 8
  br label %b16
b15:
  %v88 = phi i64 [ %v62, %b8 ], [ %v34, %b6 ]
  %v89 = phi ptr [ %v61, %b8 ], [ %v50, %b6 ]
  %v22 = phi i64 [ %v54, %b8 ], [ %v48, %b6 ]
  %v24 = phi i64 [ %v53, %b8 ], [ %v47, %b6 ]
  %v20 = add i64 %v19, 1
  %v90 = getelementptr i8, ptr %v89, i64 8
  tail call void @on_sample(ptr noundef nonnull %v90, i64 noundef %v88)
  br label %b1
b16:
  ret i64 %v19
}
