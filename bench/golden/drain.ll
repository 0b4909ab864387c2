; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @drain_rust(ptr noalias noundef align 8 captures(none) dereferenceable(536) initializes((456, 496)) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 392
  %v4 = load <2 x i64>, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 408
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 416
  %v8 = load i64, ptr %v7, align 8
  %v9 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v10 = load i64, ptr %v9, align 8
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 356
  %v12 = load i8, ptr %v11, align 4
  %v13 = trunc nuw i8 %v12 to i1
  %v14 = sub i64 %v10, %v8
  %v15 = select i1 %v13, i64 -1, i64 4294967295
  %v16 = and i64 %v15, %v14
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v18 = load i32, ptr %v17, align 8
  %v19 = zext i32 %v18 to i64
  %v20 = icmp ugt i64 %v16, %v19
  %v21 = getelementptr inbounds nuw i8, ptr %v1, i64 496
  %v22 = load i64, ptr %v21, align 8
  %v23 = insertelement <2 x i64> poison, i64 %v22, i64 0
  %v24 = shufflevector <2 x i64> %v23, <2 x i64> poison, <2 x i32> zeroinitializer
  %v25 = select i1 %v20, i64 %v22, i64 %v8
  %v26 = select i1 %v20, i64 %v22, i64 %v6
  %v27 = select i1 %v20, <2 x i64> %v24, <2 x i64> %v4
  store <2 x i64> %v27, ptr %v3, align 8
  store i64 %v26, ptr %v5, align 8
  store i64 %v25, ptr %v7, align 8
  %v28 = getelementptr inbounds nuw i8, ptr %v1, i64 368
  %v29 = load i64, ptr %v28, align 8
  %v30 = getelementptr inbounds nuw i8, ptr %v1, i64 456
  store i64 %v29, ptr %v30, align 8
  %v31 = getelementptr inbounds nuw i8, ptr %v1, i64 464
  store i64 0, ptr %v31, align 8
  %v32 = getelementptr inbounds nuw i8, ptr %v1, i64 472
  %v33 = getelementptr inbounds nuw i8, ptr %v1, i64 488
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v32, i8 -1, i64 16, i1 false)
  store i64 0, ptr %v33, align 8
  %v34 = getelementptr inbounds nuw i8, ptr %v1, i64 344
  %v35 = load ptr, ptr %v34, align 8
  %v36 = add nsw i64 %v19, -8
  %v37 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v38 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v39 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v40 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  br label %b1
b1:
  %v41 = phi i64 [ 0, %b0 ], [ %v42, %b9 ]
  %v43 = phi i64 [ 0, %b0 ], [ %v44, %b9 ]
  %v45 = phi i64 [ %v10, %b0 ], [ %v46, %b9 ]
  %v47 = icmp eq i64 %v43, 0
  br i1 %v47, label %b7, label %b2
b2:
  %v48 = phi i64 [ %v49, %b5 ], [ %v45, %b1 ]
  %v50 = phi i64 [ %v51, %b5 ], [ %v43, %b1 ]
  %v52 = and i64 %v48, %v36
  %v53 = getelementptr inbounds nuw i8, ptr %v35, i64 %v52
  %v54 = load atomic i32, ptr %v53 monotonic, align 4
  fence acquire
  %v55 = zext i32 %v54 to i64
  %v56 = add nuw nsw i64 %v55, 15
  %v57 = and i64 %v56, 8589934584
  %v58 = icmp ugt i64 %v57, %v50
  br i1 %v58, label %b3, label %b6
b3:
  %v59 = icmp sgt i32 %v54, -1
  br i1 %v59, label %b4, label %b7
b4:
  %v60 = and i32 %v54, 1073741823
  %v61 = add nuw nsw i32 %v60, 15
  %v62 = and i32 %v61, 2147483640
  %v63 = zext nneg i32 %v62 to i64
  %v64 = icmp samesign ult i64 %v50, %v63
  br i1 %v64, label %b7, label %b5
b5:
  %v65 = load i64, ptr %v31, align 8
  %v66 = add i64 %v65, 1
  store i64 %v66, ptr %v31, align 8
  %v49 = add i64 %v48, %v63
  %v51 = sub nuw nsw i64 %v50, %v63
  %v67 = icmp eq i64 %v51, 0
  br i1 %v67, label %b7, label %b2
b6:
  %v68 = add i64 %v57, %v48
  %v69 = sub nuw i64 %v50, %v57
  br label %b9
b7:
  %v70 = phi i64 [ 0, %b1 ], [ %v50, %b4 ], [ %v50, %b3 ], [ 0, %b5 ]
  %v71 = phi i64 [ %v45, %b1 ], [ %v48, %b4 ], [ %v48, %b3 ], [ %v49, %b5 ]
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v71, i64 noundef %v70, i64 noundef %v41)
  %v72 = load i64, ptr %v2, align 8
  %v73 = load i64, ptr %v37, align 8
  %v74 = load i64, ptr %v38, align 8
  %v75 = load i64, ptr %v39, align 8
  %v76 = load i32, ptr %v40, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v77 = icmp eq i64 %v75, 7
  br i1 %v77, label %b8, label %b10
b8:
  %v78 = and i64 %v74, %v36
  %v79 = zext i32 %v76 to i64
  br label %b9
b9:
  %v80 = phi i64 [ %v79, %b8 ], [ %v55, %b6 ]
  %v44 = phi i64 [ %v73, %b8 ], [ %v69, %b6 ]
  %v81 = phi i64 [ %v78, %b8 ], [ %v52, %b6 ]
  %v46 = phi i64 [ %v72, %b8 ], [ %v68, %b6 ]
  %v42 = add i64 %v41, 1
  %v82 = getelementptr i8, ptr %v35, i64 %v81
  %v83 = getelementptr i8, ptr %v82, i64 8
  tail call void @on_sample(ptr noundef nonnull %v83, i64 noundef %v80)
  br label %b1
b10:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v72, i64 noundef %v73, i64 noundef %v41)
  ret i64 %v41
}
